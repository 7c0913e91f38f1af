//! The events of a client's stream: named, numbered, and each with its place in the response.

use crate::dialects::write;

/// Writes events and numbers them.
#[derive(Default)]
pub(super) struct Events {
    sequence: u64,
}

/// Where in the response an event belongs.
#[derive(Clone, Copy)]
pub(super) struct Spot<'i> {
    item: usize,
    id: &'i str,
    /// Name and number of the part of the item.
    part: Option<(&'static str, usize)>,
}

impl<'i> Spot<'i> {
    /// An item.
    pub(super) fn item(item: usize, id: &'i str) -> Self {
        Self { item, id, part: None }
    }

    /// A part of a message.
    pub(super) fn content(item: usize, id: &'i str, part: usize) -> Self {
        Self { item, id, part: Some(("content_index", part)) }
    }

    /// The summary of an item of reasoning: it is written as one.
    pub(super) fn summary(item: usize, id: &'i str) -> Self {
        Self { item, id, part: Some(("summary_index", 0)) }
    }
}

impl Events {
    /// Writes one event, whose payload repeats the name as its type.
    pub(super) fn write(&mut self, name: &str, out: &mut Vec<u8>, fill: impl FnOnce(&mut write::Object<'_>)) {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        write::object(out, |object| {
            object.text("type", name);
            object.number("sequence_number", self.sequence);
            fill(object);
        });
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }

    /// Writes one event that belongs to a part of the response.
    pub(super) fn at(
        &mut self,
        name: &str,
        spot: Spot<'_>,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut write::Object<'_>),
    ) {
        self.write(name, out, |object| {
            object.text("item_id", spot.id);
            object.number("output_index", spot.item);
            if let Some((name, part)) = spot.part {
                object.number(name, part);
            }
            fill(object);
        });
    }
}
