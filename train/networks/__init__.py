"""The compact U-Net and the networks it is compared with."""
