//! Medians and quartiles.

use serde::Serialize;

/// The median of some figures and the quartiles around it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// A quarter of the figures is below it.
    pub lower: f64,
    /// Half of the figures are below it.
    pub median: f64,
    /// Three quarters of the figures are below it.
    pub upper: f64,
    /// How many figures there are.
    pub count: usize,
}

impl Spread {
    /// Of some figures; `None` where there are none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let at = |quarter: usize| {
            let place = (last * quarter) as f64 / 4.0;
            let (below, above) = (sorted[place as usize], sorted[place.ceil() as usize]);
            below + (above - below) * place.fract()
        };
        Some(Spread {
            lower: at(1),
            median: at(2),
            upper: at(3),
            count: sorted.len(),
        })
    }

    /// Of a figure that has no spread.
    pub fn exactly(figure: f64) -> Spread {
        Spread {
            lower: figure,
            median: figure,
            upper: figure,
            count: 1,
        }
    }
}

/// The median of some figures, of which there is at least one.
pub fn median(figures: Vec<f64>) -> f64 {
    Spread::of(figures).map_or(f64::NAN, |spread| spread.median)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_lie_between_figures() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.lower, spread.median), (1.75, 2.5));
        assert_eq!((spread.upper, spread.count), (3.25, 4));
        assert_eq!(Spread::of([7.0]), Some(Spread::exactly(7.0)));
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_slow_chunk_does_not_move_the_median() {
        assert_eq!(median(vec![2.0, 900.0, 1.0, 2.0, 2.0]), 2.0);
    }
}
