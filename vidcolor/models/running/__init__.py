"""How a loaded model runs: devices and number formats, several devices, torch.compile."""
