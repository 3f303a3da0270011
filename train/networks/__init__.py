"""The compact U-Net and the networks that it is compared with."""
