//! `taskpilot bench`.

use taskpilot_bench::{BenchArgs, Format};

use crate::exit::{Code, Failure};
use crate::output;

pub(crate) fn run(arguments: BenchArgs) -> Result<Code, Failure> {
    let format = arguments.format();
    let report = taskpilot_bench::run(arguments)?;
    match format {
        Format::Json => output::json(&report)?,
        Format::Table => report.table().lines().for_each(output::line),
    }
    Ok(Code::Ok)
}
