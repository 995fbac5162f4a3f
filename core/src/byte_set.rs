//! Sets of bytes as grammars name them, to be looked up by index: made while the program is compiled.

/// A table that is true for each of `members`.
pub const fn byte_set(members: &[u8]) -> [bool; 256] {
    let mut set = [false; 256];
    let mut at = 0;
    while at < members.len() {
        set[members[at] as usize] = true;
        at += 1;
    }
    set
}
