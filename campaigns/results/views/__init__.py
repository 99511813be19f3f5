"""Results on pages: numbers, pictures, the people behind each of them, files of both, and how it is counted."""

from campaigns.results.views import behind, drafts, files, overview
from campaigns.results.views.door import pages

__all__ = ["behind", "drafts", "files", "overview", "pages"]
