//! How deep a JSON text nests, told before a parser recurses into it.

/// Whether brackets and braces outside strings nest deeper than `max`.
pub(crate) fn exceeds(text: &[u8], max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_outside_strings_only() {
        assert!(!exceeds(b"[[1],[2],{\"a\":[3]}]", 3));
        assert!(exceeds(b"[[[1]]]", 2));
        assert!(!exceeds(br#"["[[[[\"[[[[", "\\"]"#, 1));
        assert!(exceeds(br#"["\\",[1]]"#, 1));
        assert!(!exceeds(b"]]]]", 0));
    }
}
