"""Scores of untrained networks, which cost a few passes instead of a training (zero-cost proxies).

Each function takes a network made ready by :func:`agnet.proxies.prepare.ready` and some images, and gives a number;
NaN where there is none, as for a network that lets nothing through. A module each: what activations tell
(``activations``), gradients of the loss (``gradients``), of the inputs (``jacobian``), of single images (``kernel``),
and a flow through positive weights (``synflow``). The definitions are those by which NASLib's published scores were
made (Krishnakumar et al., "NAS-Bench-Suite-Zero", NeurIPS 2022), most of them from Abdelfattah et al. ("Zero-Cost
Proxies for Lightweight NAS", ICLR 2021), and TE-NAS' (Chen et al., ICLR 2021).
"""
