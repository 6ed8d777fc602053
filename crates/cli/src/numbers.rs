//! Whole numbers of flags, refused with their range.

/// A parser of whole numbers from `least` to `most`.
pub fn whole<T: TryFrom<u64>>(least: u64, most: u64) -> impl Fn(&str) -> Result<T, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| (least..=most).contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| match most {
            u64::MAX => format!("it takes a whole number from {least} on"),
            _ => format!("it takes a whole number from {least} to {most}"),
        })
    }
}
