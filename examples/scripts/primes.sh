#!/bin/sh
# primes.sh NUMBER: how many primes there are below it, by trial division: honest work for a processor.
exec awk -v below="$1" 'BEGIN {
    for (number = 2; number < below; number++) {
        prime = 1
        for (divisor = 2; divisor * divisor <= number; divisor++)
            if (number % divisor == 0) { prime = 0; break }
        count += prime
    }
    print count + 0
}'
