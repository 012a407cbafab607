"""Models of the library diffusers: folders and hub names, their networks, schedules and conditions."""
