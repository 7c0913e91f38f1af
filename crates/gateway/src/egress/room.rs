//! The room that the files of all requests share.
//!
//! In: how many bytes a file may take. Out: a place, given back when it is dropped; whoever finds no room waits for some.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// What all files that are held have in bytes.
#[derive(Debug, Default)]
pub struct Room {
    taken: Mutex<usize>,
    freed: Notify,
}

/// A place in the room.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    /// Takes a place when all together have no more than `most`; who asks decides how long to wait.
    pub(super) async fn take(self: &Arc<Self>, bytes: usize, most: usize) -> Place {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Whatever is freed from here on is heard of.
            freed.as_mut().enable();
            if self.add(bytes, most) {
                return Place { room: Arc::clone(self), bytes };
            }
            freed.await;
        }
    }

    fn add(&self, bytes: usize, most: usize) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = taken.saturating_add(bytes) <= most;
        *taken += if fits { bytes } else { 0 };
        fits
    }

    fn free(&self, bytes: usize) {
        if bytes > 0 {
            *self.taken.lock().unwrap_or_else(PoisonError::into_inner) -= bytes;
            self.freed.notify_waiters();
        }
    }
}

impl Place {
    /// Gives back what is not needed.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let unused = self.bytes.saturating_sub(bytes);
        self.bytes -= unused;
        self.room.free(unused);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.free(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_room_waits_until_there_is_some() {
        let room = Arc::new(Room::default());
        let mut first = room.take(6, 10).await;
        let waiting = tokio::spawn({
            let room = Arc::clone(&room);
            async move { room.take(5, 10).await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.shrink(5);
        let second = waiting.await.unwrap();
        assert_eq!(*room.taken.lock().unwrap(), 10);
        drop((first, second));
        assert_eq!(*room.taken.lock().unwrap(), 0);
    }
}
