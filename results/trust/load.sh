#!/bin/bash
# Peak memory of `gumbel sample` on long streams and on rows of ten million categories: results/trust/load.sh > load.csv
set -eu
gumbel=${GUMBEL:-target/release/gumbel}

# An array of zeros in single precision: rows, categories.
npy() {
    printf '\x93NUMPY\x01\x00v\x00%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': ($1, $2), }"
    head -c $(($1 * $2 * 4)) /dev/zero
}
# Rows of ten categories as text.
csv() { yes 0.25,-1.5,3.125,0,-0.001,-2,0.7,4,-inf,1 | head -n "$1"; }
# Rows of many categories as text.
wide() { for _ in $(seq "$1"); do yes 0.5 | head -n "$2" | paste -sd,; done; }

# Name of the input; the command that writes it; options.
measure() {
    $2 | /usr/bin/time -f "$1,${*:3},%M" "$gumbel" sample - "${@:3}" 2>&1 > /dev/null
}

echo "input,options,peak_kib"
for options in "" "--distinct 3" "--tau 0.5"; do
    measure "npy of 0.2 GB" "npy 5000000 10" $options
    measure "npy of 2 GB" "npy 50000000 10" $options
    measure "csv of 0.2 GB" "csv 5000000" $options
    measure "csv of 2 GB" "csv 50000000" $options
    measure "npy of 8 rows of 10000000" "npy 8 10000000" $options
    measure "csv of 2 rows of 10000000" "wide 2 10000000" $options
done
