// Random numbers that every language can repeat: Lehmer's generator.

const PRIME = 2 ** 31 - 1;
const FACTOR = 48271;

/** Return the number after one of the generator; both are integers from 1 to 2^31 - 2. */
export function following(number) {
  const product = FACTOR * number;
  return product - PRIME * Math.floor(product / PRIME); // exact, and faster than %
}

/** Return a number of the generator as one between 0 and 1. */
export function uniform(number) {
  return number / PRIME;
}

/** Return the number that comes k places after 1. */
export function ahead(k) {
  const prime = BigInt(PRIME);
  let [found, power] = [1n, BigInt(FACTOR)];
  for (let rest = BigInt(k); rest > 0n; rest >>= 1n) {
    if (rest & 1n) found = (found * power) % prime;
    power = (power * power) % prime;
  }
  return Number(found);
}
