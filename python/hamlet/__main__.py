from ._compile import main

main()
