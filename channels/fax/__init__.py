"""Fax: out by a HylaFAX server, in by its receive hook; every message leaves and arrives as pages."""
