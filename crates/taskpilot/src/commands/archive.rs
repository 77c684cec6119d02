//! The file of a backup: a tar archive with a note of what it is and one database per entry, so that
//! its contents can be had without this program too.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The first entry.
const NOTE: &str = "taskpilot-backup.json";
/// The layout of the archive; a reader refuses any other.
const FORMAT: u32 = 1;
/// Far more than a note has.
const NOTE_BYTES_MAX: u64 = 64 * 1024;

/// What an archive says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    format: u32,
    release: String,
    databases: Vec<String>,
}

/// A place beside the file to come, which nobody else reads and which goes with this.
#[derive(Debug)]
pub(super) struct Draft {
    directory: PathBuf,
}

impl Draft {
    /// Makes it for `file`, on the same file system.
    pub(super) fn beside(file: &Path) -> io::Result<Self> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let name = format!(".{name}.{}.partial", std::process::id());
        let directory = folder_of(file).join(name);
        DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(Self { directory })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Packs the copies in `draft` and gives the whole its name. What has that name already is not
/// touched. Answers its size.
pub(super) fn pack(draft: &Draft, databases: &[&str], file: &Path) -> io::Result<u64> {
    let whole = draft.path("archive");
    let out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&whole)?;
    let mut archive = tar::Builder::new(out);
    let note = Note {
        format: FORMAT,
        release: env!("CARGO_PKG_VERSION").into(),
        databases: databases.iter().map(ToString::to_string).collect(),
    };
    let note = serde_json::to_vec(&note).map_err(io::Error::other)?;
    append(&mut archive, NOTE, note.len() as u64, note.as_slice())?;
    for database in databases {
        let copy = File::open(draft.path(database))?;
        let bytes = copy.metadata()?.len();
        append(&mut archive, &format!("{database}.db"), bytes, copy)?;
    }
    let out = archive.into_inner()?;
    out.sync_all()?;
    let bytes = out.metadata()?.len();
    // Unlike a rename it never replaces.
    fs::hard_link(&whole, file)?;
    File::open(folder_of(file))?.sync_all()?;
    Ok(bytes)
}

fn append(
    archive: &mut tar::Builder<File>,
    name: &str,
    bytes: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, content)
}

/// Hands each database of an archive to `take`, in its order. Only names that the note lists are
/// looked at, and nothing is written here: an archive names no path.
pub(super) fn unpack(
    file: File,
    mut take: impl FnMut(&str, &mut dyn Read) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(io::BufReader::new(file));
    let mut entries = archive.entries()?;
    let first = entries.next().transpose().ok().flatten();
    let note = first.filter(|entry| entry.path_bytes().as_ref() == NOTE.as_bytes());
    let note = note.ok_or_else(|| anyhow::anyhow!("it is no backup of TaskPilot"))?;
    let mut text = Vec::new();
    note.take(NOTE_BYTES_MAX).read_to_end(&mut text)?;
    let note: Note = serde_json::from_slice(&text)?;
    anyhow::ensure!(
        note.format == FORMAT,
        "its format is {}, and this release reads {FORMAT}: use release {} or a newer one",
        note.format,
        note.release
    );
    for database in &note.databases {
        let entry = entries.next().transpose()?;
        let expected = format!("{database}.db");
        let entry = entry.filter(|entry| entry.path_bytes().as_ref() == expected.as_bytes());
        let mut entry = entry.ok_or_else(|| anyhow::anyhow!("{expected} is missing in it"))?;
        take(database, &mut entry)?;
    }
    Ok(())
}

fn folder_of(file: &Path) -> &Path {
    let folder = file.parent().unwrap_or(Path::new("."));
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}
