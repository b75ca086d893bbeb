# 程序内的用户手册，正文在 docs/guide
help-title = 帮助
help-search = 搜索手册
help-contents = 章节
help-turn = 上一章与下一章
help-found = 手册中共有 { $count } 处
help-nothing = 手册中没有“{ $words }”的内容。请换一个词，或从章节中查找。
