//! A count of the last minute in constant memory.

use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// Requests in the last sixty seconds: this minute's count plus the part of the previous minute's that the
/// window still covers (taken as evenly spread).
#[derive(Debug, Default)]
pub(super) struct SlidingMinute {
    minute: u64,
    previous: u32,
    current: u32,
}

impl SlidingMinute {
    /// Counts one request at `elapsed` since an epoch, or says how long to wait for the next place.
    pub(super) fn take(&mut self, most: u32, elapsed: Duration) -> Result<(), Duration> {
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

    /// How long until one more request fits.
    fn wait(&self, most: u32, into: Duration) -> Duration {
        if most == 0 {
            return MINUTE;
        }
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
        let wait = rate.take(3, start).unwrap_err();
        assert!(wait >= MINUTE, "{wait:?}");
        rate.take(3, start + wait + Duration::from_millis(1)).unwrap();
    }

    #[test]
    fn no_sixty_seconds_see_more_than_the_limit_twice_over() {
        let mut rate = SlidingMinute::default();
        let mut taken = Vec::new();
        for tick in 0..1200_u64 {
            let now = Duration::from_millis(tick * 250);
            if rate.take(30, now).is_ok() {
                taken.push(now);
            }
        }
        for (index, first) in taken.iter().enumerate() {
            let within = taken.iter().skip(index).take_while(|at| **at < *first + MINUTE).count();
            assert!(within <= 33, "{within} in the minute from {first:?}");
        }
        assert!(taken.len() >= 140, "the limit is used: {}", taken.len());
    }

    #[test]
    fn the_wait_is_long_enough() {
        let mut rate = SlidingMinute::default();
        let mut now = Duration::ZERO;
        for _ in 0..200 {
            while rate.take(7, now).is_ok() {}
            let wait = rate.take(7, now).unwrap_err();
            assert!(wait <= MINUTE * 2);
            now += wait + Duration::from_micros(1);
            rate.take(7, now).expect("after the announced wait there is room");
        }
    }
}
