"""What every test may use: private servers, and where Chromium is."""

pytest_plugins = ["tests.services"]
