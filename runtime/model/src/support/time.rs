//! Dates and instants in the spellings of PostgreSQL (ISO DateStyle), RFC 3339 and Salesforce. Years 1 to 9999; no
//! infinities, no years before Christ, and no instant without its offset from UTC: which instant it meant is unknown.

/// The spellings of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `2026-01-01 00:00:00.123456+00`; offsets of hours, minutes and seconds.
    Postgres,
    /// `2026-01-01T00:00:00.123Z`; digits behind the sixth decimal are cut off: instants are kept in microseconds.
    Rfc3339,
    /// `2026-01-01T00:00:00.000+0000`, and RFC 3339.
    Salesforce,
}

const US_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const SECONDS_PER_HOUR: i64 = 3600;
const SECONDS_PER_MINUTE: i64 = 60;
/// PostgreSQL's largest offset is 15:59:59.
const PG_OFFSET_HOURS_MAX: i64 = 15;
const RFC_OFFSET_HOURS_MAX: i64 = 23;

/// Days since 1970-01-01 of `YYYY-MM-DD`.
pub fn date(bytes: &[u8]) -> Option<i32> {
    let (day, rest) = split_date(bytes)?;
    rest.is_empty().then_some(day)
}

/// Microseconds since 1970 in UTC.
pub fn timestamp(bytes: &[u8], spelling: Spelling) -> Option<i64> {
    let (day, rest) = split_date(bytes)?;
    let (separator, rest) = rest.split_first()?;
    let separated = match spelling {
        Spelling::Postgres => *separator == b' ',
        Spelling::Rfc3339 | Spelling::Salesforce => matches!(separator, b'T' | b't'),
    };
    if !separated {
        return None;
    }
    let ([h1, h2, b':', m1, m2, b':', s1, s2], rest) = rest.split_first_chunk::<8>()? else {
        return None;
    };
    let (hour, minute, second) = (two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?);
    let (fraction_us, rest) = split_fraction(rest)?;
    let offset_s = offset(rest, spelling)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let minutes_utc = (hour * SECONDS_PER_HOUR + minute * SECONDS_PER_MINUTE) - offset_s;
    // RFC 3339 knows leap seconds, at the end of a day in UTC; they count as the second after them.
    let last_minute = SECONDS_PER_DAY - SECONDS_PER_MINUTE;
    if second == 60
        && (spelling == Spelling::Postgres
            || minutes_utc.rem_euclid(SECONDS_PER_DAY) != last_minute)
    {
        return None;
    }
    let seconds = i64::from(day) * SECONDS_PER_DAY + minutes_utc + second;
    Some(seconds * US_PER_SECOND + fraction_us)
}

/// Day number and the bytes behind a leading `YYYY-MM-DD`.
fn split_date(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let ([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2], rest) = bytes.split_first_chunk::<10>()?
    else {
        return None;
    };
    let year = two(*y1, *y2)? * 100 + two(*y3, *y4)?;
    let (month, day) = (two(*m1, *m2)?, two(*d1, *d2)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in(year, month) {
        return None;
    }
    Some((days_from_civil(year, month, day), rest))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar: years begin in March, so that the leap day is the last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i32 {
    const DAYS_PER_ERA: i64 = 146_097; // 400 years
    const DAYS_TO_1970: i64 = 719_468; // from 0000-03-01
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i32::try_from(era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970).unwrap_or(i32::MAX)
}

fn split_fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    const DECIMALS: usize = 6;
    let Some((b'.', rest)) = bytes.split_first() else { return Some((0, bytes)) };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let (fraction, rest) = rest.split_at(digits);
    let padded = fraction.iter().copied().chain(std::iter::repeat(b'0')).take(DECIMALS);
    Some((padded.fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0')), rest))
}

/// Offset from UTC in seconds.
fn offset(bytes: &[u8], spelling: Spelling) -> Option<i64> {
    let (sign, rest) = match bytes {
        [b'Z' | b'z'] if spelling != Spelling::Postgres => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours_max, parts) = match (spelling, rest) {
        (Spelling::Postgres, [h1, h2]) => (PG_OFFSET_HOURS_MAX, [two(*h1, *h2)?, 0, 0]),
        (Spelling::Postgres, [h1, h2, b':', m1, m2]) => {
            (PG_OFFSET_HOURS_MAX, [two(*h1, *h2)?, two(*m1, *m2)?, 0])
        }
        (Spelling::Postgres, [h1, h2, b':', m1, m2, b':', s1, s2]) => {
            (PG_OFFSET_HOURS_MAX, [two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?])
        }
        (Spelling::Rfc3339 | Spelling::Salesforce, [h1, h2, b':', m1, m2])
        | (Spelling::Salesforce, [h1, h2, m1, m2]) => {
            (RFC_OFFSET_HOURS_MAX, [two(*h1, *h2)?, two(*m1, *m2)?, 0])
        }
        (Spelling::Postgres | Spelling::Rfc3339 | Spelling::Salesforce, _) => return None,
    };
    let [hours, minutes, seconds] = parts;
    if hours > hours_max || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(sign * (hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE + seconds))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens <= 9 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEAR_2026_US: i64 = 1_767_225_600_000_000;

    #[test]
    fn dates() {
        assert_eq!(date(b"1970-01-01"), Some(0));
        assert_eq!(date(b"2000-02-29"), Some(11_016));
        assert_eq!(date(b"0001-01-01"), Some(-719_162));
        assert_eq!(date(b"9999-12-31"), Some(2_932_896));
        for bad in [
            "infinity",
            "-infinity",
            "0044-03-15 BC",
            "2026-02-29",
            "1900-02-29",
            "12026-01-01",
            "0000-01-01",
        ] {
            assert_eq!(date(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = -719_162;
        for year in 1..=9999 {
            for month in 1..=12 {
                assert_eq!(days_from_civil(year, month, 1), expected);
                expected += i32::try_from(days_in(year, month)).unwrap();
            }
        }
    }

    #[test]
    fn instants() {
        let pg = |text: &str| timestamp(text.as_bytes(), Spelling::Postgres);
        assert_eq!(pg("2026-01-01 00:00:00.123456+00"), Some(NEW_YEAR_2026_US + 123_456));
        assert_eq!(pg("2026-01-01 05:30:00+05:30"), Some(NEW_YEAR_2026_US));
        assert_eq!(pg("2026-01-01 00:19:32+00:19:32"), Some(NEW_YEAR_2026_US));
        for bad in
            ["2026-01-01 00:00:00", "infinity", "0044-03-15 00:00:00+00 BC", "2026-01-01T00:00:00Z"]
        {
            assert_eq!(pg(bad), None, "{bad}");
        }
        let rfc = |text: &str| timestamp(text.as_bytes(), Spelling::Rfc3339);
        assert_eq!(rfc("2025-12-31T23:00:00.5-01:00"), Some(NEW_YEAR_2026_US + 500_000));
        assert_eq!(rfc("2026-01-01T00:00:00.123456789Z"), Some(NEW_YEAR_2026_US + 123_456));
        assert_eq!(rfc("2025-12-31T23:59:60Z"), Some(NEW_YEAR_2026_US));
        for bad in [
            "2025-12-31T22:59:60Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+0000",
            "2026-01-01T00:00:00.Z",
        ] {
            assert_eq!(rfc(bad), None, "{bad}");
        }
        let crm = timestamp(b"2026-01-01T00:00:00.000+0000", Spelling::Salesforce);
        assert_eq!(crm, Some(NEW_YEAR_2026_US));
    }
}
