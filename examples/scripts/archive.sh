#!/bin/sh
# archive.sh DIRECTORY ARCHIVE: a compressed archive of it. Whoever finds an archive finds a whole
# one: it gets its name when it is done. What is half done goes when the script is asked to stop;
# killed, it leaves it as ARCHIVE.partial, which the next run overwrites and a cleanup removes.
set -eu
partial="$2.partial"
trap 'rm -f -- "$partial"' EXIT
trap 'exit 143' TERM
# The shell makes the file: a gzip that outlives its tar could make it after it was removed.
tar --create --gzip --file - --directory "$1" . > "$partial"
mv -- "$partial" "$2"
wc -c < "$2"
