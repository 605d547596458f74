# Filled in below: binaries, client library, skills, default configuration.
