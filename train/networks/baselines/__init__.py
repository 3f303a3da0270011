"""The segmenters that the compact network is compared with: they see a recording whole, and cannot stream."""
