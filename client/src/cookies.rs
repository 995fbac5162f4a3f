//! The cookies of a client as its program sees them: to look at, to set, to keep in files.
//!
//! Which cookies a server may set and which it gets is core's `policy::cookies`. Texts that others read are core's too
//! (`netscape`), but for JSON, which is serde's. Reached by `Client::cookies`.

use entreat_core::policy::cookies::{Cookie, Jar, SharedJar};
use entreat_core::{Error, Kind, Result};
use std::path::Path;
use std::time::SystemTime;

#[cfg_attr(not(feature = "json"), path = "cookies/json_absent.rs")]
mod json;

/// The cookies of one client, or of all that share its jar. Changes hold from the next request on.
///
/// ```
/// let client = entreat::Client::new();
/// client.cookies().set("session", "1234", "example.org")?;
/// assert_eq!(client.cookies().get("session").unwrap().value, b"1234");
/// # Ok::<(), entreat::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cookies(SharedJar);

/// The cookies of that jar.
impl From<SharedJar> for Cookies {
    fn from(jar: SharedJar) -> Cookies {
        Cookies(jar)
    }
}

impl Cookies {
    pub(crate) fn new(jar: &SharedJar) -> Cookies {
        Cookies(jar.clone())
    }

    /// The first cookie of that name, whatever its domain and path.
    pub fn get(&self, name: &str) -> Option<Cookie> {
        self.living(&self.0.lock()).find(|cookie| cookie.name == name.as_bytes()).cloned()
    }

    /// Sets a cookie for `domain` and all hosts below it, at any path, until the client is gone.
    ///
    /// # Errors
    /// [`Kind::InvalidHeader`] where name, value or domain cannot travel in a Cookie field.
    pub fn set(&self, name: &str, value: &str, domain: &str) -> Result<()> {
        self.0.lock().set(name, value, domain, "/", SystemTime::now())
    }

    /// Puts a cookie in as it is, in the place of one with the same name, domain and path.
    pub fn insert(&self, cookie: Cookie) {
        self.0.lock().insert(cookie, SystemTime::now());
    }

    /// Removes the cookies of that name, of one domain where it is given; how many there were.
    pub fn remove(&self, name: &str, domain: Option<&str>) -> usize {
        self.0.lock().remove(name, domain, None)
    }

    /// Removes all of them.
    pub fn clear(&self) {
        self.0.lock().clear();
    }

    /// A copy of all of them that have not expired, by domain and age.
    pub fn all(&self) -> Vec<Cookie> {
        self.living(&self.0.lock()).cloned().collect()
    }

    /// How many have not expired.
    pub fn len(&self) -> usize {
        self.living(&self.0.lock()).count()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The jar, for as long as the guard lives; requests of all clients that share it wait meanwhile.
    pub fn lock(&self) -> std::sync::MutexGuard<'_, Jar> {
        self.0.lock()
    }

    /// Adds the cookies of a file: Netscape's cookies.txt, as curl, wget and Python write it, or JSON as
    /// [`Cookies::save`] does.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] with the path, for a file that cannot be read or understood; nothing is added then.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text =
            std::fs::read_to_string(path).map_err(|error| unusable(path, "read").with_source(error))?;
        let added = match is_json(path) {
            true => self.add_json(&text),
            false => self.add_netscape(&text),
        };
        added.map_err(|error| error.hint(format!("it is the file {}", path.display())))
    }

    /// Writes all cookies into a file that only its owner may read: JSON where its name ends in `.json`, else Netscape's
    /// cookies.txt, which has no place for SameSite. Those that end with the session are among them. The file is
    /// replaced as a whole, so that nobody finds half of it.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] with the path, where it cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let text = match is_json(path) {
            true => self.to_json()?,
            false => self.to_netscape(),
        };
        replace(path, &text).map_err(|error| unusable(path, "written").with_source(error))
    }

    /// All cookies as a cookies.txt.
    pub fn to_netscape(&self) -> String {
        self.0.lock().to_netscape(true, SystemTime::now())
    }

    /// Adds the cookies of a cookies.txt.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] with the line that is none; nothing is added then.
    pub fn add_netscape(&self, text: &str) -> Result<()> {
        self.0.lock().add_netscape(text, SystemTime::now())
    }

    /// All cookies as a JSON array of objects: `name`, `value`, `domain`, `path`, `host_only`, `secure`, `http_only`,
    /// `same_site` and `expires`, in seconds since 1970. What is not UTF-8 is left out.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] without the feature `json`.
    pub fn to_json(&self) -> Result<String> {
        json::write(self.living(&self.0.lock()))
    }

    /// Adds the cookies of such a JSON array.
    ///
    /// # Errors
    /// [`Kind::InvalidConfig`] for anything else, and without the feature `json`; nothing is added then.
    pub fn add_json(&self, text: &str) -> Result<()> {
        let (cookies, now) = (json::read(text)?, SystemTime::now());
        let mut jar = self.0.lock();
        for cookie in cookies {
            jar.insert(cookie, now);
        }
        Ok(())
    }

    fn living<'a>(&self, jar: &'a Jar) -> impl Iterator<Item = &'a Cookie> + use<'a> {
        let now = SystemTime::now();
        jar.iter().filter(move |cookie| !cookie.is_expired(now))
    }
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// Writes beside the file and moves it into its place.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{:016x}", crate::random::word()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut file| {
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        std::fs::rename(&beside, path)
    });
    if written.is_err() {
        // Whether it was made at all does not matter: the first error is the one to tell.
        std::fs::remove_file(&beside).ok();
    }
    written
}

fn unusable(path: &Path, what: &str) -> Error {
    Error::new(Kind::InvalidConfig)
        .expected(format!("a file of cookies that can be {what}: {}", path.display()))
}
