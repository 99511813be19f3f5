"""Reports: what the log says in figures, and the rows behind each of them."""

from contact.response.reports.measure import Kind, Measure, Measured
from contact.response.reports.reader import Progress, progress, read_all, reader, rebuild

__all__ = ["Kind", "Measure", "Measured", "Progress", "progress", "read_all", "reader", "rebuild"]
