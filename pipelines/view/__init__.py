"""`circuits view`: a folder of runs as pages in a browser, for whoever sits at this computer; nothing is changed.

server    listens on 127.0.0.1 until Ctrl-C
handlers  routes; every answer has a content security policy, and goes only to pages of this server
listing   what is in the folder: runs, comparisons of two, and what is computed now
pages     pages of runs and comparisons, made beside the answering and kept
pair      two circuits side by side, in numbers
assets    the server's own pages
"""
