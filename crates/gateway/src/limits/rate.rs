//! A count of the last minute in bounded memory.

use std::collections::VecDeque;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Up to this limit every request of the minute is remembered; above, a place or two in a minute is nothing.
const REMEMBERED_MOST: u32 = 512;

/// Requests in the last sixty seconds: exactly for small limits, else this minute's count plus the part of the
/// previous minute's that the window still covers (taken as evenly spread).
#[derive(Debug, Default)]
pub struct SlidingMinute {
    times: VecDeque<Duration>,
    minute: u64,
    previous: u32,
    current: u32,
}

impl SlidingMinute {
    /// Counts one request at `elapsed` since an epoch, or says how long to wait for the next place.
    pub fn take(&mut self, most: u32, elapsed: Duration) -> Result<(), Duration> {
        if most <= REMEMBERED_MOST {
            return self.take_remembered(most, elapsed);
        }
        self.times = VecDeque::new();
        let minute = elapsed.as_secs() / 60;
        match minute.saturating_sub(self.minute) {
            0 => {}
            1 => {
                self.previous = std::mem::take(&mut self.current);
                self.minute = minute;
            }
            _ => *self = Self { minute, ..Self::default() },
        }
        let into = Duration::from_nanos(u64::try_from(elapsed.as_nanos() % MINUTE.as_nanos()).unwrap_or(0));
        let left = 1.0 - into.as_secs_f64() / MINUTE.as_secs_f64();
        if f64::from(self.previous) * left + f64::from(self.current) + 1.0 <= f64::from(most) + 1e-9 {
            self.current += 1;
            return Ok(());
        }
        Err(self.wait(most, into))
    }

    fn take_remembered(&mut self, most: u32, elapsed: Duration) -> Result<(), Duration> {
        while self.times.front().is_some_and(|first| *first + MINUTE <= elapsed) {
            self.times.pop_front();
        }
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if self.times.len() < most {
            self.times.push_back(elapsed);
            return Ok(());
        }
        // The limit may have been lowered: so many have to leave before there is a place.
        let last_to_leave = self.times.get(self.times.len() - most);
        Err(last_to_leave.map_or(MINUTE, |time| (*time + MINUTE).saturating_sub(elapsed)))
    }

    /// How long until one more request fits.
    fn wait(&self, most: u32, into: Duration) -> Duration {
        let room = |count: u32| 1.0 - f64::from(most - 1) / f64::from(count.max(1));
        if self.current < most && self.previous > 0 {
            let free = f64::from(most - 1 - self.current.min(most - 1));
            let at = (1.0 - free / f64::from(self.previous)).clamp(0.0, 1.0);
            return MINUTE.mul_f64(at).saturating_sub(into);
        }
        MINUTE.saturating_sub(into) + MINUTE.mul_f64(room(self.current).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_of_three_per_minute_waits_and_then_fits() {
        let mut rate = SlidingMinute::default();
        let start = Duration::from_secs(600);
        for _ in 0..3 {
            rate.take(3, start).unwrap();
        }
        assert_eq!(rate.take(3, start + MINUTE / 2), Err(MINUTE / 2));
        rate.take(3, start + MINUTE).unwrap();
    }

    /// Takes a place every 20 ms where there is one, for `minutes`.
    fn press(most: u32, minutes: u64) -> Vec<Duration> {
        let mut rate = SlidingMinute::default();
        let ticks = (0..minutes * 3000).map(|tick| Duration::from_millis(tick * 20));
        ticks.filter(|now| rate.take(most, *now).is_ok()).collect()
    }

    #[test]
    fn no_sixty_seconds_see_more_than_a_small_limit() {
        let taken = press(30, 5);
        for (index, first) in taken.iter().enumerate() {
            let within = taken.iter().skip(index).take_while(|at| **at < *first + MINUTE).count();
            assert!(within <= 30, "{within} in the minute from {first:?}");
        }
    }

    #[test]
    fn who_asks_all_the_time_gets_the_whole_limit() {
        for most in [1, 3, 10, 512, 513, 2000] {
            let taken = u32::try_from(press(most, 10).len()).unwrap();
            assert!(taken >= most * 10 - most / 10, "{taken} of {most} per minute in ten");
            assert!(taken <= most * 11, "{taken} of {most} per minute in ten");
        }
    }

    #[test]
    fn the_wait_is_long_enough() {
        for most in [7, 700] {
            let mut rate = SlidingMinute::default();
            let mut now = Duration::ZERO;
            for _ in 0..200 {
                while rate.take(most, now).is_ok() {}
                let wait = rate.take(most, now).unwrap_err();
                assert!(wait <= MINUTE * 2);
                now += wait + Duration::from_micros(1);
                rate.take(most, now).expect("after the announced wait there is room");
            }
        }
    }

    #[test]
    fn a_lowered_limit_holds_at_once() {
        let mut rate = SlidingMinute::default();
        for second in 0..10 {
            rate.take(10, Duration::from_secs(second)).unwrap();
        }
        assert_eq!(rate.take(2, Duration::from_secs(10)), Err(Duration::from_secs(58)));
        rate.take(2, Duration::from_secs(68)).unwrap();
        assert_eq!(rate.take(0, Duration::from_secs(68)), Err(MINUTE));
    }
}
