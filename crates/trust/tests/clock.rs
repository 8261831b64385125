//! Clocks that are wrong.

mod support;

use jiff::SignedDuration;
use support::{Author, Client, days, start};
use upstep_trust::TrustError;

#[tokio::test]
async fn a_clock_that_once_stood_in_the_future_holds_nothing_up() {
    let mut author = Author::new();
    author.lifetimes.timestamp = days(500);
    author.lifetimes.snapshot = days(500);
    author.publish(b"index 1", start());
    let client = Client::new(&author.root);
    client.check(&author.source(), start() + days(300)).await.expect("verified, 300 days ahead");
    author.lifetimes.timestamp = days(7);
    author.publish(b"index 2", start() + days(1));
    let metadata = client.check(&author.source(), start() + days(1)).await.expect("the clock is right again");
    assert_eq!(metadata.timestamp_version(), 2);
}

#[tokio::test]
async fn a_clock_that_stood_in_the_future_at_a_failed_check_holds_nothing_up() {
    let author = Author::published();
    let client = Client::new(&author.root);
    let error = client.check(&author.source(), start() + days(3650)).await.expect_err("expired, by that clock");
    assert!(matches!(error, TrustError::Expired { .. }), "{error}");
    client.check(&author.source(), start()).await.expect("the clock is right again");
}

#[tokio::test]
async fn a_clock_set_back_does_not_make_expired_metadata_fresh_again_within_two_days() {
    let author = Author::published();
    let client = Client::new(&author.root);
    client.check(&author.source(), start()).await.expect("verified");
    let seen = start() + days(8);
    let error = client.check(&author.source(), seen).await.expect_err("a freeze");
    assert!(matches!(error, TrustError::Expired { .. }), "{error}");
    let back = seen - SignedDuration::from_hours(30);
    let error = client.check(&author.source(), back).await.expect_err("it is later than the clock says");
    assert!(matches!(error, TrustError::Expired { now, .. } if now == seen), "{error}");
    client.check(&author.source(), seen - days(3)).await.expect("beyond two days the clock is believed");
}
