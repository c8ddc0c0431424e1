FROM php AS builder
ARG PHP
RUN echo "PHP $PHP on alpine" > /server

FROM php AS runner
COPY --from=builder /server /server
CMD ["cat", "/server"]
