//! A user and a password: the one noun that several policies share. It decides nothing but that it is not
//! shown.

use std::fmt;

/// A user and a password. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The user's name, often empty for tokens given as a password.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// Both parts.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Credentials {
        Credentials { user: user.into(), password: password.into() }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).field("password", &"…").finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_passwords() {
        assert!(!format!("{:?}", Credentials::new("user", "hush")).contains("hush"));
    }
}
