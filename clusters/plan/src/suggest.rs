//! "Did you mean": the known word that a misspelt one is nearest to.

/// Names that a message lists at most.
const MOST_LISTED: usize = 64;

/// Names that a misspelt one is compared with at most.
const MOST_COMPARED: usize = 256;

/// Bytes of the longest word that is compared with names.
const LONGEST: usize = 64;

/// A hint to append to a message: ``; did you mean `x`?``, or the known words, or nothing where there are none.
pub(crate) fn hint<'w>(wrong: &str, known: impl IntoIterator<Item = &'w str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    // What is longer than any name is none of them misspelt, and takes long to compare.
    let compared = known.iter().take(MOST_COMPARED);
    let compared = compared.filter(|_| wrong.len() <= LONGEST);
    let nearest = compared.map(|word| (distance(wrong, word), *word)).min();
    match nearest {
        Some((distance, word)) if distance <= (word.chars().count() / 3).max(1) => {
            format!("did you mean `{word}`?")
        }
        _ if known.is_empty() => "there is none".to_owned(),
        _ => format!("known are {}", list(&known)),
    }
}

/// Words as ``` `a`, `b`, `c` ```; of many the first ones, and how many more there are.
pub(crate) fn list(words: &[&str]) -> String {
    let quoted = words.iter().take(MOST_LISTED);
    let quoted: Vec<String> = quoted.map(|word| format!("`{word}`")).collect();
    let list = quoted.join(", ");
    match words.len().saturating_sub(MOST_LISTED) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

/// Edits (insert, delete, replace a character; case does not count) that turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, from) in from.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, &to) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits() {
        assert_eq!(distance("cluster", "cluster"), 0);
        assert_eq!(distance("clster", "cluster"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn only_near_words_are_suggested() {
        assert_eq!(hint("compte", ["io", "compute"]), "did you mean `compute`?");
        assert_eq!(hint("disk", ["io", "compute"]), "known are `io`, `compute`");
        assert_eq!(hint("disk", []), "there is none");
    }
}
