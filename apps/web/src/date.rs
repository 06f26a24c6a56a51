//! Times, as fields have them: IMF-fixdate, and the two obsolete forms that a recipient has to understand (RFC 9110, section 5.6.7).

use alloc::format;
use alloc::string::String;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const LONG_DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

const DAY: u64 = 24 * 60 * 60;

/// The last second that four digits of a year can tell.
const LAST: u64 = 253_402_300_799;

/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// Days from 1 March of the year 0 to 1 January 1970.
const EPOCH: u64 = 719_468;

/// A time in seconds since 1970, as IMF-fixdate; one that is too late for that is the last one.
pub fn format(seconds: u64) -> String {
    let seconds = seconds.min(LAST);
    let days = seconds / DAY;
    let (year, month, day) = civil(days);
    // 1 January 1970 was a Thursday.
    let weekday = name(&DAYS, (days + 3) % 7);
    let month = name(&MONTHS, month - 1);
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The time that a field has, in seconds since 1970; what was before is 0. A year of two digits is the last one with these that is not more
/// than 50 years after `now`, or, where nobody knows the time, one between 1970 and 2069.
pub fn parse(text: &str, now: Option<u64>) -> Option<u64> {
    imf(text)
        .or_else(|| rfc850(text, now))
        .or_else(|| asctime(text))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf(text: &str) -> Option<u64> {
    let (weekday, rest) = text.split_once(", ")?;
    position(&DAYS, weekday)?;
    let mut words = rest.split(' ');
    let day = digits(words.next()?, 2)?;
    let month = position(&MONTHS, words.next()?)?;
    let year = digits(words.next()?, 4)?;
    let time = clock(words.next()?)?;
    (words.next()? == "GMT" && words.next().is_none()).then_some(())?;
    seconds(year, month, day, time)
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(text: &str, now: Option<u64>) -> Option<u64> {
    let (weekday, rest) = text.split_once(", ")?;
    position(&LONG_DAYS, weekday)?;
    let mut words = rest.split(' ');
    let mut date = words.next()?.split('-');
    let day = digits(date.next()?, 2)?;
    let month = position(&MONTHS, date.next()?)?;
    let short_year = digits(date.next()?, 2)?;
    let time = clock(words.next()?)?;
    let is_whole = date.next().is_none() && words.next()? == "GMT" && words.next().is_none();
    is_whole.then_some(())?;
    let latest = match now {
        Some(now) => civil(now.min(LAST) / DAY).0 + 50,
        None => 2069,
    };
    let year = latest - (latest + 100 - short_year) % 100;
    seconds(year, month, day, time)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    position(&DAYS, words.next()?)?;
    let month = position(&MONTHS, words.next()?)?;
    let day = words.next()?;
    let day = digits(day, day.len().clamp(1, 2))?;
    let time = clock(words.next()?)?;
    let year = digits(words.next()?, 4)?;
    words.next().is_none().then_some(())?;
    seconds(year, month, day, time)
}

/// Seconds of a day.
fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let second = digits(parts.next()?, 2)?;
    // 60 is a leap second.
    let is_time = hour < 24 && minute < 60 && second <= 60 && parts.next().is_none();
    is_time.then_some(hour * 3600 + minute * 60 + second.min(59))
}

/// The number of a text with so many digits.
fn digits(text: &str, count: usize) -> Option<u64> {
    let is_right = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_right.then(|| text.parse().ok()).flatten()
}

fn position(names: &[&str], name: &str) -> Option<u64> {
    let place = names.iter().position(|it| *it == name)?;
    Some(place as u64)
}

fn name<'n>(names: &[&'n str], place: u64) -> &'n str {
    names.get(place as usize).copied().unwrap_or_default()
}

/// Seconds since 1970 of a date, whose month counts from 0, and the seconds of its day.
fn seconds(year: u64, month: u64, day: u64, time: u64) -> Option<u64> {
    let leaps = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = match month {
        1 => 28 + u64::from(leaps),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    if day == 0 || day > length {
        return None;
    }
    // Years that begin with March, so that a leap day is the last one.
    let year_of_march = if month < 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let month_of_march = (month + 10) % 12;
    let day_of_year = (153 * month_of_march + 2) / 5 + day - 1;
    let (era, in_era) = (year_of_march / 400, year_of_march % 400);
    let day_of_era = in_era * 365 + in_era / 4 - in_era / 100 + day_of_year;
    let days = era * ERA_DAYS + day_of_era;
    Some(days.checked_sub(EPOCH).map_or(0, |days| days * DAY + time))
}

/// The year, month and day, both from 1 on, of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let leaps = day_of_era / 1460 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era + day_of_era / 36_524 - leaps) / 365;
    let first_day = year_of_era * 365 + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - first_day;
    let month_of_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_of_march + 2) / 5 + 1;
    let month = (month_of_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the RFC.
    const EXAMPLE: u64 = 784_111_777;

    #[test]
    fn the_three_forms_are_one_time() {
        assert_eq!(format(EXAMPLE), "Sun, 06 Nov 1994 08:49:37 GMT");
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text, None), Some(EXAMPLE), "{text}");
            assert_eq!(parse(text, Some(EXAMPLE)), Some(EXAMPLE), "{text}");
        }
    }

    #[test]
    fn days_that_are_easily_wrong() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(format(seconds), text);
            assert_eq!(parse(text, None), Some(seconds));
        }
        assert_eq!(format(u64::MAX), format(LAST));
        assert_eq!(parse("Wed, 31 Dec 1969 23:59:59 GMT", None), Some(0));
    }

    #[test]
    fn every_day_of_centuries_survives() {
        for day in (0..LAST / DAY).step_by(13) {
            let seconds = day * DAY + day % DAY;
            assert_eq!(parse(&format(seconds), None), Some(seconds));
        }
    }

    #[test]
    fn two_digits_of_a_year_are_near() {
        let in_2030 = 1_900_000_000;
        let year = |text, now| civil(parse(text, now).unwrap() / DAY).0;
        let text = "Sunday, 06-Nov-79 08:49:37 GMT";
        assert_eq!(year(text, Some(in_2030)), 2079);
        assert_eq!(year(text, Some(in_2030 - 10 * 365 * DAY)), 1979);
        assert_eq!(year(text, None), 1979);
        assert_eq!(year("Monday, 01-Jan-69 00:00:00 GMT", None), 2069);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 31 Nov 1994 08:49:37 GMT",
            "Sun, 29 Feb 2100 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:00 GMT",
            "Sun, 06 Nov 1994 +8:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Sun, 06 Jan 0000 08:49:37 GMT",
        ] {
            assert_eq!(parse(text, None), None, "{text}");
        }
    }
}
