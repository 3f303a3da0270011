"""Where messages go: tables, masks, denoised audio, the console."""
