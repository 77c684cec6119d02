//! Durations as people write them: `500ms`, `30s`, `5m`, `2h`, or plain seconds.

use std::time::Duration;

/// Reads a duration; a bare number is seconds.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let millis_per_unit = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong(text)),
    };
    let number: u64 = number.parse().map_err(|_| wrong(text))?;
    let millis = number
        .checked_mul(millis_per_unit)
        .ok_or_else(|| wrong(text))?;
    Ok(Duration::from_millis(millis))
}

fn wrong(text: &str) -> String {
    format!("{text:?} is no duration: write 500ms, 30s, 5m or 2h")
}

/// Writes milliseconds as people read them: `231 ms`, `4.2 s`, `3 m 20 s`, `2 h 5 m`.
pub(crate) fn written(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        60_000..3_600_000 => format!("{} m {} s", millis / 60_000, millis % 60_000 / 1_000),
        _ => format!("{} h {} m", millis / 3_600_000, millis % 3_600_000 / 60_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let ms = |text| parse(text).map(|duration| duration.as_millis());
        assert_eq!(
            (ms("500ms"), ms("30"), ms("30s")),
            (Ok(500), Ok(30_000), Ok(30_000))
        );
        assert_eq!(
            (ms("5m"), ms("2h"), ms("1d")),
            (Ok(300_000), Ok(7_200_000), Ok(86_400_000))
        );
        for text in ["", "s", "-1", "1.5s", "5 m", "99999999999999999d"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_for_people() {
        let texts = [231, 4_230, 200_000, 7_500_000].map(written);
        assert_eq!(texts, ["231 ms", "4.2 s", "3 m 20 s", "2 h 5 m"]);
    }
}
