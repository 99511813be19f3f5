"""Reports: what the log says in figures, and the rows behind each of them."""

from contact.response.reports.measure import Kind, Measure, Measured
from contact.response.reports.reader import READER, Progress, progress, read_all, rebuild

__all__ = ["READER", "Kind", "Measure", "Measured", "Progress", "progress", "read_all", "rebuild"]
