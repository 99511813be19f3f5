"""Web chat: the widget in other people's pages, its sockets, its files. Our own server is the provider."""
