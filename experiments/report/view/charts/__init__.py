"""Pictures of a growing run as SVG: small, with text for readers who cannot see them."""
