#!/usr/bin/env bash
# Trains the quantizers of `gumbel train vqvae` on three data sets, and writes vqvae.csv: results/quantize/vqvae.sh GUMBEL [DIR]
#
# All of them for seed 0, and those that the text compares for seeds 1 and 2. A folder DIR of an earlier call is resumed.
set -euo pipefail
gumbel=${1:?the program gumbel}
runs=${2:-runs/quantize}
here=$(dirname "$0")
all=vq,vq-plain,vq-gradient,rotation,simvq,fsq,lfq,bsq,residual,grouped,gumbel,cosine
compared=vq,vq-plain,rotation,fsq,cosine

for data in digits mnist fashion-mnist; do
    for seed in 0 1 2; do
        quantizers=$([ "$seed" = 0 ] && echo "$all" || echo "$compared")
        RAYON_NUM_THREADS=1 "$gumbel" compare --quantizers "$quantizers" --out "$runs/vqvae-$data-$seed" \
            train vqvae --data "$data" --bits 8 --latents 16 --steps 2000 --seed "$seed"
    done
done

# Without the columns of times.
first=1
for folder in "$runs"/vqvae-{digits,mnist,fashion-mnist}-{0,1,2}; do
    name=${folder##*/vqvae-}
    awk -F, -v data="${name%-*}" -v seed="${name##*-}" -v first="$first" -v OFS=, '
        NR > 1 || first { start = NR == 1 ? "data,seed" : data "," seed; print start, $1, $2, $5, $6, $7, $8, $9, $10, $11, $12 }
    ' "$folder/summary.csv"
    first=0
done >"$here/vqvae.csv"
