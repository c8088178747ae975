//! `bulkhead logs`: reads a service's log from the run directory; works after the supervisor's end, too.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::run_dir::log_file;

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Shows the last `lines` lines, and what is added if `follow`.
pub fn logs(run_dir: &Path, name: &str, follow: bool, lines: usize) -> Result<ExitCode> {
    let path = log_file(run_dir, name);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no log {}; {}", path.display(), known(run_dir))
        }
        Err(error) => return Err(error).with_context(|| format!("{}", path.display())),
    };
    let mut out = io::stdout().lock();
    let mut position = start_of_last_lines(&mut file, lines)?;
    file.seek(SeekFrom::Start(position))?;
    loop {
        position += io::copy(&mut file, &mut out)?;
        out.flush()?;
        if !follow {
            return Ok(ExitCode::SUCCESS);
        }
        std::thread::sleep(LOOK);
        // A log that is shorter than what was shown has been rotated: it begins anew.
        if file.metadata()?.len() < position {
            position = file.seek(SeekFrom::Start(0))?;
        }
    }
}

fn known(run_dir: &Path) -> String {
    let entries = std::fs::read_dir(run_dir.join("log")).into_iter().flatten().flatten();
    let names =
        entries.filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".log")?.to_owned()));
    let mut names: Vec<String> = names.collect();
    names.sort();
    match names.is_empty() {
        true => format!("nothing has run in {}", run_dir.display()),
        false => format!("there are logs of {}", names.join(", ")),
    }
}

/// Looks for the start of the last lines from the end, a block at a time.
fn start_of_last_lines(file: &mut File, lines: usize) -> io::Result<u64> {
    const BLOCK: u64 = 8192;
    let mut end = file.metadata()?.len();
    let last = end;
    let mut found = 0;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut block)?;
        for (offset, byte) in block.iter().enumerate().rev() {
            let at = start + offset as u64;
            // The newline that ends the last line begins no further one.
            if *byte == b'\n' && at + 1 != last {
                found += 1;
                if found == lines {
                    return Ok(at + 1);
                }
            }
        }
        end = start;
    }
    Ok(if lines == 0 { last } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::start_of_last_lines;

    #[test]
    fn last_lines_are_found() {
        let temp = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(temp.path(), "one\ntwo\nthree\n").expect("write");
        let mut file = std::fs::File::open(temp.path()).expect("open");
        let mut start = |lines| start_of_last_lines(&mut file, lines).expect("start");
        assert_eq!((start(1), start(2), start(3), start(9), start(0)), (8, 4, 0, 0, 14));
    }
}
