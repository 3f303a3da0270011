"""Networks to compare the compact one with. They process whole recordings and cannot stream."""
