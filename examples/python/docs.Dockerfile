FROM busybox AS build
RUN mkdir /site && echo "<h1>manual</h1>" > /site/index.html

FROM scratch
COPY --from=build /site /
