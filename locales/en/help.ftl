# The user guide inside the program; its text is in docs/guide.
help-title = Help
help-search = Search the guide
help-contents = Chapters
help-turn = Previous and next chapter
help-found = Places in the guide: { $count }
help-nothing = The guide has nothing about “{ $words }”. Try one word, or look at the chapters.
