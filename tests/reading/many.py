"""Many random towns on every date of the readings, by hand: python -m tests.reading.many 0 200."""

import sys

from tests.reading.test_reading import DAYS, differences


def main(first: int, until: int) -> None:
    """Compare the towns of these seeds on all dates; say rows and differences; exit 1 if any."""
    rows, found = 0, list[str]()
    for seed in range(first, until):
        for day in DAYS:
            count, told = differences(seed, day)
            rows += count
            found += [f"town {seed}: {text}" for text in told]
            print(*found[len(found) - len(told) :], sep="\n", end="\n" if told else "")
        print(f"town {seed}: {rows} rows so far, {len(found)} differences", flush=True)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
