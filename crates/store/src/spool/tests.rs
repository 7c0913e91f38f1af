use std::os::unix::fs::FileExt;

use super::*;
use crate::samples::record;

fn open_with(dir: &Path, change: impl FnOnce(&mut SpoolSettings), stored: &[(SegmentName, u64)]) -> Spool {
    let mut settings = SpoolSettings::new(dir);
    change(&mut settings);
    let lock = SpoolLock::take(&settings).unwrap();
    Spool::open(settings, lock, 1, &stored.iter().copied().collect()).unwrap()
}

fn open(dir: &Path) -> Spool {
    open_with(dir, |_| {}, &[])
}

/// Everything in a segment: the numbers of its records, and how often damage and a torn tail were met.
fn read_all(segment: &Segment) -> (Vec<String>, usize, usize) {
    let (mut ids, mut damaged, mut torn) = (Vec::new(), 0, 0);
    let file = File::open(&segment.path).unwrap();
    let mut last = 0;
    Reader::default()
        .read(&file, 0, segment.written(), |found, end| {
            assert!(end > last, "reading goes on");
            last = end;
            match found {
                Read::Record(record) => ids.push(record.id),
                Read::Damaged => damaged += 1,
                Read::Torn => torn += 1,
            }
            true
        })
        .unwrap();
    assert_eq!(last, segment.written(), "nothing is left unread");
    (ids, damaged, torn)
}

fn ids(numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| record(number).id).collect()
}

/// Appends so many records with one writer and gives the places where they end.
fn append(spool: &Spool, count: u64) -> Vec<u64> {
    let mut writer = spool.writer().unwrap();
    let mut ends = Vec::new();
    for number in 0..count {
        writer.append(&record(number)).unwrap();
        ends.push(spool.waiting_bytes());
    }
    ends
}

#[test]
fn a_segment_cut_at_any_byte_keeps_the_records_before() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    let ends = append(&spool, 3);
    let path = spool.segments()[0].path.clone();
    drop(spool);
    let whole = fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let spool = open(dir.path());
        assert_eq!(spool.waiting_bytes(), cut as u64);
        let kept = ends.iter().filter(|end| **end <= cut as u64).count() as u64;
        let at_border = cut == 0 || ends.contains(&(cut as u64));
        let expected = (ids(0..kept), 0, usize::from(!at_border));
        assert_eq!(read_all(&spool.segments()[0]), expected, "cut at {cut}");
    }
}

#[test]
fn a_damaged_payload_costs_one_record_and_a_damaged_length_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    let ends = append(&spool, 5);
    let segment = spool.segments()[0].clone();
    let whole = fs::read(&segment.path).unwrap();
    let flip = |at: u64| {
        fs::write(&segment.path, &whole).unwrap();
        let file = File::options().write(true).open(&segment.path).unwrap();
        file.write_at(&[whole[at as usize] ^ 0x10], at).unwrap();
        read_all(&segment)
    };
    assert_eq!(flip(ends[1] + 30), (ids([0, 1, 3, 4]), 1, 0), "in the middle");
    assert_eq!(flip(ends[3] + 30), (ids(0..4), 1, 0), "in the last one");
    assert_eq!(flip(ends[1] + 3), (ids([0, 1]), 1, 0), "the mark");
    assert_eq!(flip(ends[1]), (ids([0, 1]), 1, 0), "the length");
}

#[test]
fn frames_are_read_across_the_borders_of_chunks() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    let mut writer = spool.writer().unwrap();
    for number in 0..1200 {
        let mut record = record(number);
        record.lossy = vec!["x".repeat(900); (number % 3) as usize];
        writer.append(&record).unwrap();
    }
    assert!(spool.waiting_bytes() > 3 * 256 * 1024);
    assert_eq!(read_all(&spool.segments()[0]), (ids(0..1200), 0, 0));
}

#[test]
fn writers_have_segments_of_their_own_and_begin_new_ones_by_size() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open_with(dir.path(), |settings| settings.segment_bytes = 4096, &[]);
    let writers = (0..2).map(|turn| {
        let mut writer = spool.writer().unwrap();
        std::thread::spawn(move || {
            (turn * 500..turn * 500 + 500).for_each(|n| writer.append(&record(n)).unwrap())
        })
    });
    writers.collect::<Vec<_>>().into_iter().for_each(|writer| writer.join().unwrap());
    let segments = spool.segments();
    assert!(segments.len() > 20 && segments.len() == spool.segment_count());
    assert!(segments.iter().all(|segment| segment.is_closed() && segment.written() <= 4096));
    let bytes: u64 = segments.iter().map(|segment| segment.written()).sum();
    assert_eq!(bytes, spool.waiting_bytes());
    for writer in 0..2 {
        let own = segments.iter().filter(|segment| segment.name.writer == writer);
        let found: Vec<_> = own.flat_map(|segment| read_all(segment).0).collect();
        let first: u64 = found[0].rsplit('-').next().unwrap().parse().unwrap();
        assert_eq!(found, ids(first..first + 500), "the records of one writer, in their order");
    }
}

#[test]
fn a_full_spool_refuses_and_takes_more_when_it_drains() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open_with(dir.path(), |settings| settings.max_bytes = 8192, &[]);
    let mut writer = spool.writer().unwrap();
    let mut numbers = 0..;
    while spool.has_room() {
        writer.append(&record(numbers.next().unwrap())).unwrap();
    }
    assert!(spool.waiting_bytes() >= 8192 * 7 / 8);
    writer.append(&record(0)).expect("what has begun may still end");
    let refused = loop {
        if let Err(error) = writer.append(&record(numbers.next().unwrap())) {
            break error;
        }
    };
    assert!(
        matches!(refused, AppendError::Full { bytes } if bytes == spool.waiting_bytes() && bytes <= 8192)
    );
    spool.settle(spool.waiting_bytes());
    assert!(spool.has_room());
    writer.append(&record(0)).unwrap();
}

#[test]
fn what_waits_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path());
    let ends = append(&spool, 4);
    let name = spool.segments()[0].name;
    drop(spool);
    let spool = open_with(dir.path(), |_| {}, &[(name, ends[1])]);
    assert_eq!(spool.waiting_bytes(), ends[3] - ends[1]);
    assert!(spool.oldest_age_us() >= 0);
    spool.writer().unwrap().append(&record(9)).unwrap();
    let names: Vec<_> = spool.segments().iter().map(|segment| segment.name).collect();
    assert_eq!(names.len(), 2);
    assert!(names[1].boot > names[0].boot, "a new start never writes behind an old segment");
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let settings = SpoolSettings::new(dir.path());
    let spool = open(dir.path());
    assert!(matches!(SpoolLock::take(&settings), Err(StoreError::SpoolInUse { .. })));
    drop(spool);
    SpoolLock::take(&settings).unwrap();
}

#[test]
fn a_writer_that_cannot_write_says_so_and_goes_on_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open_with(dir.path(), |settings| settings.segment_bytes = 1, &[]);
    let mut writer = spool.writer().unwrap();
    writer.append(&record(0)).unwrap();
    let taken = SegmentName { boot: spool.segments()[0].name.boot, writer: 0, number: 2 };
    fs::create_dir(dir.path().join(taken.to_string())).unwrap();
    assert!(matches!(writer.append(&record(1)), Err(AppendError::Io(_))));
    assert!(!spool.has_room(), "nothing new begins whose record could be lost");
    fs::create_dir(dir.path().join("probe")).unwrap();
    spool.try_disk();
    assert!(!spool.has_room());
    fs::remove_dir(dir.path().join("probe")).unwrap();
    spool.try_disk();
    assert!(spool.has_room());
    fs::remove_dir(dir.path().join(taken.to_string())).unwrap();
    writer.append(&record(2)).unwrap();
    let found: Vec<_> = spool.segments().iter().flat_map(|segment| read_all(segment).0).collect();
    assert_eq!(found, ids([0, 2]));
}
