#!/bin/sh
# An audit sink in shell: appends every record to the file that $1 names, or
# audit.jsonl, and acknowledges it when it is on the disk. A record may come
# again; whoever reads the file drops those whose id was seen.
file=${1:-audit.jsonl}
while IFS= read -r record; do
    printf '%s\n' "$record" >>"$file" && sync "$file" || exit 1
    seq=${record#*'"sequence":"'}
    seq=${seq%%'"'*}
    printf '{"ack":%s}\n' "${seq#"${seq%%[1-9]*}"}" # without the zeros before it
done
