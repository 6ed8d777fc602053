// Names of times: written as short as they can be, and the round ones among them.

/** What round dates end in, the roundest first: years, months, days, hours. */
const ROUND = [/-01-01([ T]00:00(:00)?)?$/, /-01([ T]00:00(:00)?)?$/, /[ T]00:00(:00)?$/, /:00(:00)?$/];

/** How times on an axis are called, of which `nameAt(place)` is the name of one and `names` are enough of all to see how they are written. */
export function dated(names, nameAt) {
  // Stamps that are all at whole minutes, or at midnight, are written without what is zero.
  const zeros = [/[ T]00:00(:00)?$/, /(?<=:\d\d):00$/].find((end) => names.every((name) => end.test(name)));
  return {
    named: (place) => (zeros ? nameAt(place).replace(zeros, "") : nameAt(place)),
    /** Round dates from a place to another, so many at most; none where there are not some. */
    marks: (low, high, most) => {
      const places = Array.from({ length: Math.max(0, Math.floor(high) - Math.ceil(low) + 1) }, (_, k) => Math.ceil(low) + k);
      for (const end of ROUND) {
        const found = places.filter((place) => end.test(nameAt(place)));
        const every = Math.ceil(found.length / most);
        const some = found.filter((_, k) => k % every === 0);
        if (some.length >= Math.min(3, most)) return some;
      }
      return undefined;
    },
  };
}
