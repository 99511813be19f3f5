"""E-mail: raw bytes to messages and back (RFC 5322, 2045-2049, 2231, 6532). The pure half knows no network."""
