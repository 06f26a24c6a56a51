//! What the one who asks for a page knows of its coming uses.

/// What the one who asks for a page knows of its coming uses. It says nothing of the data, and asks for nothing: a page is found, read and
/// written as it would be with another hint, and one that has to make room does so whatever its hint is.
///
/// [`Keep`](Hint::Keep) and [`Normal`](Hint::Normal) are about a page. [`Streaming`](Hint::Streaming) and [`NoReuse`](Hint::NoReuse) are
/// about a *pass* over pages, of which each is used once.
///
/// # Of several hints
///
/// A page in memory has one hint. Each one who gets the page pinned, or asks for it to be loaded and finds it, gives another one:
///
/// | the page has | and is asked for with | then it has |
/// |---|---|---|
/// | anything | `Keep` | `Keep` |
/// | `Keep` | `Normal` | `Keep` |
/// | anything else | `Normal` | `Normal` |
/// | `Keep` or `Normal` | `Streaming` or `NoReuse` | what it had, and this is no use of it: a pass over all pages leaves the working set as it is |
/// | `Streaming` or `NoReuse` | `Streaming` or `NoReuse` | the later one |
///
/// So a page is protected as the most careful of its users wants it, in whatever order they come and whether or not they use it at the
/// same time. To have it protected less, replace its hint: [`Map::set_hint`](crate::Map::set_hint). The hint goes with the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing is known.
    #[default]
    Normal,
    /// It is used again and again: it stays while any other page can go.
    Keep,
    /// A pass comes by, and may come again: the page makes room before every one that is normal, in the order in which they came.
    Streaming,
    /// A pass comes by, and nobody follows: a page that is clean leaves the memory when its use ends and nobody else uses it or waits for
    /// it, and one that is not is the first that is written and makes room. A page that was written and not flushed since counts as one
    /// that is not clean, so that a flush that fails finds it.
    NoReuse,
}

impl Hint {
    /// What a page has that has this one, when it is asked for with a later one; `None` where that says nothing of the page.
    pub(crate) fn then(self, later: Hint) -> Option<Hint> {
        match (self, later) {
            (Hint::Keep | Hint::Normal, Hint::Streaming | Hint::NoReuse) => None,
            (Hint::Keep, Hint::Normal) => Some(Hint::Keep),
            _ => Some(later),
        }
    }
}
