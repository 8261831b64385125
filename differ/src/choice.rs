//! Which older releases a release gets patches from.

/// Places, in a list of releases in ascending order, of those that the release at `at` gets a
/// patch from: always the one before, so that chains exist, and further back at distances 2, 4,
/// 8, ..., so that a client of any age has a plan of O(log n) steps.
pub fn bases(at: usize) -> Vec<usize> {
    std::iter::successors(Some(1), |distance: &usize| distance.checked_mul(2))
        .map_while(|distance| at.checked_sub(distance))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_before_and_then_ever_further_back() {
        assert_eq!(bases(0), [] as [usize; 0]);
        assert_eq!(bases(1), [0]);
        assert_eq!(bases(2), [1, 0]);
        assert_eq!(bases(3), [2, 1]);
        assert_eq!(bases(20), [19, 18, 16, 12, 4]);
    }

    #[test]
    fn a_client_of_any_age_has_a_plan_of_logarithmic_length() {
        for newest in 1usize..300 {
            for start in 0..newest {
                // The steps back, each the longest that does not go too far.
                let (mut at, mut steps) = (newest, 0);
                while at > start {
                    at = bases(at).into_iter().filter(|base| *base >= start).min().expect("the one before");
                    steps += 1;
                }
                assert!(steps <= newest.ilog2() + 1, "{start} to {newest} takes {steps} steps");
            }
        }
    }
}
