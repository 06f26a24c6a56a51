//! Where programs are looked for.

use std::env;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Folders of programs that administrators use; the search path of others may lack them.
const ADMINISTRATORS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// The folders in which programs are looked for.
#[derive(Clone)]
pub struct SearchPath(pub OsString);

impl SearchPath {
    /// What the environment says.
    pub fn of_environment() -> SearchPath {
        SearchPath(env::var_os("PATH").unwrap_or_default())
    }

    /// Every executable file of that name, the first one first.
    pub fn find_all(&self, program: &str) -> impl Iterator<Item = PathBuf> {
        let candidates: Vec<PathBuf> = env::split_paths(&self.0)
            .map(|folder| folder.join(program))
            .collect();
        candidates.into_iter().filter(|path| {
            path.metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
    }

    /// The first executable file of that name.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        self.find_all(program).next()
    }

    /// As [`SearchPath::find`], then among the programs of administrators.
    pub fn find_or_administrators(&self, program: &str) -> Option<PathBuf> {
        self.find(program)
            .or_else(|| SearchPath(ADMINISTRATORS.into()).find(program))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_programs_of_a_search_path_are_found_in_order() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&first, &second] {
            crate::setup::tests::script(folder.path(), "tool", "exit 0");
        }
        std::fs::write(first.path().join("data"), "not a program").unwrap();
        let path = env::join_paths([first.path(), second.path()]).unwrap();
        let search = SearchPath(path);
        let found: Vec<_> = search.find_all("tool").collect();
        assert_eq!(
            found,
            [first.path().join("tool"), second.path().join("tool")]
        );
        assert_eq!(search.find("data"), None);
    }
}
