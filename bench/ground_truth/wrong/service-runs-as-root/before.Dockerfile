FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1600 press && install -d -o press -g press /srv/press/out
WORKDIR /srv/press
COPY server.py ./
USER press
EXPOSE 8000
CMD ["python", "server.py"]
